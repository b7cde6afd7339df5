module example.org/etcd

go 1.19
