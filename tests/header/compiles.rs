//! The header compiles alone and included twice, as every C and C++ that its users have, without a warning.

use std::fs;
use std::process::Command;

use etcd_test_support::PrivateDir;
use etcd_test_support::stage::include_dir;

const STRICT: [&str; 6] = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-Wundef", "-fsyntax-only"];

fn compile(compiler: &str, standard: &str, source: &str, extra: &[&str]) {
    let extension = if standard.contains("++") { "cc" } else { "c" };
    let dir = PrivateDir::in_memory();
    let file = dir.path().join(format!("header.{extension}"));
    fs::write(&file, source).expect("a source file");
    let mut command = Command::new(compiler);
    command.arg(format!("-std={standard}")).args(STRICT).args(extra).arg("-I").arg(include_dir()).arg(&file);
    let output = command.output().unwrap_or_else(|error| panic!("{compiler}: {error}; `make test` installs it"));
    assert!(output.status.success(), "{compiler} -std={standard}:\n{}", String::from_utf8_lossy(&output.stderr));
}

fn compile_everywhere(source: &str) {
    for standard in ["c99", "c11", "c2x"] {
        for compiler in ["gcc", "clang"] {
            compile(compiler, standard, source, &["-Wstrict-prototypes"]);
        }
    }
    for standard in ["c++11", "c++17"] {
        for compiler in ["g++", "clang++"] {
            compile(compiler, standard, source, &[]);
        }
    }
}

#[test]
fn it_compiles_alone_in_every_standard() {
    compile_everywhere("#include <etcd_client.h>\n");
}

#[test]
fn it_can_be_included_twice() {
    compile_everywhere("#include <etcd_client.h>\n#include <etcd_client.h>\n");
}

#[test]
fn c_plus_plus_code_can_call_it() {
    let source = "#include <etcd_client.h>\n\
        bool f(etcd_client *client) { etcd_response *response = nullptr; etcd_error *error = nullptr;\n\
        return etcd_keys_get(client, nullptr, \"/a\", nullptr, &response, &error) == ETCD_OK; }\n";
    compile("g++", "c++11", source, &[]);
}

#[test]
fn its_example_is_the_quickstart_program() {
    let header = fs::read_to_string(include_dir().join("etcd_client.h")).expect("the header");
    let quickstart = include_dir().join("../examples-c/quickstart.c");
    let quickstart = fs::read_to_string(quickstart).expect("the quickstart");
    let code = quickstart.lines().filter(|line| !line.contains("/*") && !line.trim().is_empty());
    for line in code {
        assert!(header.contains(&format!(" *     {line}\n")), "not in the header: {line}");
    }
}
