package main

import (
	"context"

	"go.etcd.io/etcd/client/v2"
)

func operateAuth(ctx context.Context, auth client.AuthAPI, c call) answer {
	switch c.Operation {
	case "auth.enable":
		return done(auth.Enable(ctx))
	case "auth.disable":
		return done(auth.Disable(ctx))
	}
	panic("unknown operation " + c.Operation)
}

func operateUsers(ctx context.Context, users client.AuthUserAPI, c call) answer {
	switch c.Operation {
	case "users.add":
		return done(users.AddUser(ctx, c.User, c.Password))
	case "users.remove":
		return done(users.RemoveUser(ctx, c.User))
	case "users.change_password":
		_, err := users.ChangePassword(ctx, c.User, c.Password)
		return done(err)
	case "users.grant":
		_, err := users.GrantUser(ctx, c.User, c.Roles)
		return done(err)
	case "users.revoke":
		_, err := users.RevokeUser(ctx, c.User, c.Roles)
		return done(err)
	case "users.get":
		user, err := users.GetUser(ctx, c.User)
		if err != nil {
			return answer{Failure: failureOf(err)}
		}
		return listed(user.Roles, nil)
	case "users.list":
		return listed(users.ListUsers(ctx))
	}
	panic("unknown operation " + c.Operation)
}

func operateRoles(ctx context.Context, roles client.AuthRoleAPI, c call) answer {
	switch c.Operation {
	case "roles.add":
		return done(roles.AddRole(ctx, c.Role))
	case "roles.remove":
		return done(roles.RemoveRole(ctx, c.Role))
	case "roles.grant":
		_, err := roles.GrantRoleKV(ctx, c.Role, c.Prefixes, client.PermissionType(c.Permission))
		return done(err)
	case "roles.revoke":
		_, err := roles.RevokeRoleKV(ctx, c.Role, c.Prefixes, client.PermissionType(c.Permission))
		return done(err)
	case "roles.get":
		role, err := roles.GetRole(ctx, c.Role)
		if err != nil {
			return answer{Failure: failureOf(err)}
		}
		texts := []string{}
		for _, prefix := range role.Permissions.KV.Read {
			texts = append(texts, "read "+prefix)
		}
		for _, prefix := range role.Permissions.KV.Write {
			texts = append(texts, "write "+prefix)
		}
		return listed(texts, nil)
	case "roles.list":
		return listed(roles.ListRoles(ctx))
	}
	panic("unknown operation " + c.Operation)
}
