//! Who owns what: frees in every order, of NULL, of the wrong type and of what is borrowed; clones; accessors.

use std::ptr::{null, null_mut};
use std::thread;

use etcd_test_harness::capi::client::*;
use etcd_test_harness::capi::config::*;
use etcd_test_harness::capi::context::*;
use etcd_test_harness::capi::error::*;
use etcd_test_harness::capi::keys::*;
use etcd_test_harness::capi::options::*;
use etcd_test_harness::capi::response::*;
use etcd_test_harness::capi::status::*;
use etcd_test_harness::capi::strings::*;
use etcd_test_support::{Gate, Place, Reply, ScriptedServer, refused_endpoint};

use crate::raw::{self, Owned, c, text};

const TREE: &str = r#"{"action":"get","node":{"key":"/d","dir":true,"nodes":[
    {"key":"/d/a","value":"one","modifiedIndex":5,"createdIndex":4},
    {"key":"/d/sub","dir":true,"nodes":[{"key":"/d/sub/b","value":"two"}]}]},
    "prevNode":{"key":"/d","value":"before"}}"#;

/// The values of a response that [`TREE`] was the answer for, read through every level.
fn assert_is_tree(response: *const etcd_response) {
    // SAFETY: the response is alive.
    unsafe {
        let node = etcd_response_node(response);
        let sub = etcd_node_child(node, 1);
        assert_eq!(text(etcd_node_value(etcd_node_child(node, 0), null_mut())).as_deref(), Some("one"));
        assert_eq!(text(etcd_node_key(etcd_node_child(sub, 0), null_mut())).as_deref(), Some("/d/sub/b"));
        assert_eq!(text(etcd_node_value(etcd_response_prev_node(response), null_mut())).as_deref(), Some("before"));
        assert!(text(etcd_response_json(response, null_mut())).expect("JSON").contains("/d/sub/b"));
    }
}

#[test]
fn a_clone_of_a_response_lives_on_its_own_in_any_thread() {
    let server = ScriptedServer::always(Reply::etcd(200, 7, TREE));
    let client = raw::client(&[&server.endpoint()]);
    let first = raw::response(&client, "/d");
    // SAFETY: the response is alive.
    let clone = |response: &Owned<etcd_response>| {
        Owned::new(unsafe { etcd_response_clone(response.get()) }, etcd_response_free)
    };
    let (second, third) = (clone(&first), clone(&first));
    assert!(first.get() != second.get() && second.get() != third.get(), "handles of their own");
    // SAFETY: both are alive.
    unsafe { assert_eq!(etcd_response_node(first.get()), etcd_response_node(second.get()), "and the same nodes") };
    drop(first);
    drop(client);
    drop(server);
    assert_is_tree(second.get());
    let fourth = clone(&second);
    drop(second);
    thread::scope(|scope| {
        scope.spawn(|| (0..1000).for_each(|_| assert_is_tree(third.get())));
        scope.spawn(|| (0..1000).for_each(|_| drop(clone(&third))));
        scope.spawn(move || drop(fourth));
    });
    assert_is_tree(third.get());
}

#[test]
fn a_node_is_not_to_be_found_past_the_end() {
    let server = ScriptedServer::always(Reply::etcd(200, 7, TREE));
    let response = raw::response(&raw::client(&[&server.endpoint()]), "/d");
    // SAFETY: the response is alive.
    unsafe {
        let node = etcd_response_node(response.get());
        assert_eq!(etcd_node_child_count(node), 2);
        for index in [2, 3, usize::MAX] {
            assert!(etcd_node_child(node, index).is_null());
        }
        let leaf = etcd_node_child(node, 0);
        assert_eq!((etcd_node_child_count(leaf), etcd_node_child(leaf, 0)), (0, null()));
        let (mut seconds, mut nanoseconds) = (1, 1);
        assert!(!etcd_node_expiration(leaf, &mut seconds, &mut nanoseconds));
        assert_eq!((seconds, nanoseconds), (0, 0));
        assert!(!etcd_node_expiration(leaf, null_mut(), null_mut()));
    }
}

#[test]
fn freeing_an_entry_of_an_errors_list_does_no_harm() {
    let (one, two) = (refused_endpoint(), refused_endpoint());
    let error = raw::error(&raw::client(&[&one.endpoint(), &two.endpoint()]), "/a");
    // SAFETY: the error is alive; its entries are borrowed.
    unsafe {
        assert_eq!((etcd_error_status(error.get()), etcd_error_list_len(error.get())), (ETCD_ERR_CLUSTER, 2));
        for index in [0, 1] {
            let entry = etcd_error_list_get(error.get(), index);
            let before = text(etcd_error_message(entry)).expect("a message");
            for _ in 0..3 {
                etcd_error_free(entry.cast_mut());
            }
            assert_eq!(etcd_error_status(entry), ETCD_ERR_CONNECT);
            assert_eq!(text(etcd_error_message(entry)).expect("a message"), before);
        }
        assert!(etcd_error_list_get(error.get(), 2).is_null());
        assert!(etcd_error_list_get(error.get(), usize::MAX).is_null());
    }
}

#[test]
fn freeing_by_the_function_of_another_type_does_no_harm() {
    let client = raw::client(&["http://127.0.0.1:1"]);
    let pointer = client.get();
    // SAFETY: the object is alive, and none of these is its own free.
    unsafe {
        etcd_config_free(pointer.cast());
        etcd_context_free(pointer.cast());
        etcd_error_free(pointer.cast());
        etcd_response_free(pointer.cast());
        etcd_strings_free(pointer.cast());
        etcd_server_version_free(pointer.cast());
        etcd_get_options_free(pointer.cast());
        etcd_set_options_free(pointer.cast());
        etcd_delete_options_free(pointer.cast());
        etcd_create_in_order_options_free(pointer.cast());
        let mut list = null_mut();
        assert_eq!(etcd_client_endpoints(pointer, &mut list, null_mut()), ETCD_OK, "it is still alive");
        assert_eq!(text(etcd_strings_get(list, 0)).as_deref(), Some("http://127.0.0.1:1"));
        etcd_client_free(list.cast());
        assert_eq!(etcd_strings_len(list), 1, "so is the list");
        etcd_strings_free(list);
    }
}

#[test]
fn accessors_answer_harmlessly_for_objects_of_another_type() {
    let nobody = refused_endpoint();
    let client = raw::client(&[&nobody.endpoint()]);
    let error = raw::error(&client, "/a");
    let wrong = error.get();
    // SAFETY: the objects are alive.
    unsafe {
        assert_eq!(etcd_response_index(wrong.cast()), 0);
        assert_eq!(etcd_response_action(wrong.cast()), ETCD_ACTION_UNKNOWN);
        assert!(etcd_response_action_name(wrong.cast()).is_null() && etcd_response_cluster_id(wrong.cast()).is_null());
        assert!(etcd_response_node(wrong.cast()).is_null() && etcd_response_prev_node(wrong.cast()).is_null());
        let mut len = 1;
        assert!(etcd_response_json(wrong.cast(), &mut len).is_null() && len == 0);
        assert!(etcd_response_clone(wrong.cast()).is_null());
        assert!(etcd_node_key(wrong.cast(), null_mut()).is_null() && etcd_node_child(wrong.cast(), 0).is_null());
        assert!(etcd_strings_get(wrong.cast(), 0).is_null() && etcd_strings_len(wrong.cast()) == 0);
        assert!(etcd_server_version_server(wrong.cast()).is_null());
        assert!(etcd_context_new(wrong.cast()).is_null() && etcd_context_with_timeout_ms(wrong.cast(), 1).is_null());
        etcd_context_cancel(wrong.cast());
        let client = client.get();
        assert_eq!((etcd_error_status(client.cast()), etcd_error_http_status(client.cast())), (ETCD_OK, 0));
        assert!(etcd_error_message(client.cast()).is_null() && etcd_error_list_len(client.cast()) == 0);
        assert!(!etcd_error_is_cluster(client.cast()));
    }
}

#[test]
fn what_a_call_was_given_can_be_freed_while_it_runs() {
    let gate = Gate::new();
    let server = ScriptedServer::always(Reply::etcd(200, 7, TREE).wait_at(Place::Start, &gate));
    let config = raw::config(&[&server.endpoint()]);
    let client = raw::client_of(&config);
    // SAFETY: no parent.
    let parent = Owned::new(unsafe { etcd_context_new(null()) }, etcd_context_free);
    // SAFETY: the parent is alive.
    let context = Owned::new(unsafe { etcd_context_with_timeout_ms(parent.get(), 60_000) }, etcd_context_free);
    let pointers = (client.get() as usize, context.get() as usize);
    let call = thread::spawn(move || {
        let (mut response, key) = (null_mut(), c("/d"));
        let options = Owned::new(etcd_get_options_new(), etcd_get_options_free);
        let (client, context) = (pointers.0 as *mut etcd_client, pointers.1 as *const etcd_context);
        // SAFETY: client and context are alive when the call begins, which the header asks.
        let told = raw::told(|error| unsafe {
            etcd_keys_get(client, context, key.as_ptr(), options.get(), &mut response, error)
        });
        assert_eq!(told.status, ETCD_OK, "{told:?}");
        Owned::new(response, etcd_response_free)
    });
    server.wait_for_requests(1);
    drop(parent);
    drop(context);
    drop(client);
    drop(config);
    gate.open();
    assert_is_tree(call.join().expect("the call goes on to its end").get());
}

#[test]
fn a_child_context_ends_with_its_parent_even_when_the_parent_was_freed() {
    // SAFETY: each context is alive when it is used, and freed once.
    unsafe {
        let parent = etcd_context_new(null());
        let child = etcd_context_new(parent);
        let grandchild = etcd_context_new(child);
        etcd_context_free(child);
        assert_eq!(etcd_context_status(grandchild), ETCD_OK, "a free cancels nothing");
        etcd_context_cancel(parent);
        etcd_context_free(parent);
        assert_eq!(etcd_context_status(grandchild), ETCD_ERR_CANCELED);
        let of_the_ended = etcd_context_with_timeout_ms(grandchild, 60_000);
        assert_eq!(etcd_context_status(of_the_ended), ETCD_ERR_CANCELED);
        etcd_context_free(grandchild);
        etcd_context_free(of_the_ended);
    }
}

#[test]
fn results_that_nobody_wants_need_no_out_parameter() {
    let server = ScriptedServer::always(Reply::etcd(200, 7, TREE));
    let nobody = refused_endpoint();
    let (good, bad) = (raw::client(&[&server.endpoint()]), raw::client(&[&nobody.endpoint()]));
    let key = c("/d");
    // SAFETY: everything lives for the calls.
    unsafe {
        assert_eq!(etcd_keys_get(good.get(), null(), key.as_ptr(), null(), null_mut(), null_mut()), ETCD_OK);
        let mut response = std::ptr::dangling_mut();
        let status = etcd_keys_get(bad.get(), null(), key.as_ptr(), null(), &mut response, null_mut());
        assert_eq!((status, response), (ETCD_ERR_CLUSTER, null_mut()), "NULL on failure");
    }
}
