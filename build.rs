//! Generates the C header and names the shared library.

use std::path::Path;
use std::{env, fs};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let root = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    for path in ["src/capi", "cbindgen.toml", "build.rs", "examples-c/quickstart.c", "include/etcd_client.h"] {
        println!("cargo:rerun-if-changed={path}");
    }
    println!("cargo:rerun-if-env-changed=ETCD_CLIENT_WRITE_HEADER");
    println!("cargo:rustc-env=ETCD_BUILD_TARGET={}", env::var("TARGET").unwrap_or_default());
    println!("cargo:rustc-env=ETCD_BUILD_PROFILE={}", env::var("PROFILE").unwrap_or_default());
    name_the_shared_library();
    generate_header(Path::new(&root))
}

/// Without a SONAME the path given at link time would be recorded in every program. NODELETE: a library whose threads may
/// be running must not be unmapped by dlclose.
fn name_the_shared_library() {
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libetcd_client.so.0");
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}

/// Writes the header to OUT_DIR. The committed one is replaced only on request (`make header`); a test compares the two.
fn generate_header(root: &Path) -> Result<()> {
    let mut config = cbindgen::Config::from_file(root.join("cbindgen.toml"))?;
    config.header = Some(opening(root)?);
    let with_config = cbindgen::Builder::new().with_config(config);
    let bindings = SECTIONS
        .iter()
        .fold(with_config, |builder, section| builder.with_src(root.join(format!("src/capi/{section}.rs"))));
    let bindings = bindings.generate()?;
    let generated = Path::new(&env::var("OUT_DIR").unwrap_or_default()).join("etcd_client.h");
    bindings.write_to_file(&generated);
    println!("cargo:rustc-env=ETCD_GENERATED_HEADER={}", generated.display());
    if env::var_os("ETCD_CLIENT_WRITE_HEADER").is_some() {
        fs::copy(&generated, root.join("include/etcd_client.h"))?;
    }
    Ok(())
}

/// The files of src/capi in the header's order.
const SECTIONS: &[&str] = &[
    "status",
    "version",
    "config",
    "config_tls",
    "config_consistency",
    "context",
    "error",
    "client",
    "sync",
    "monitoring",
    "discovery",
    "options",
    "keys",
    "response",
    "watcher",
    "members",
    "auth",
    "auth_users",
    "auth_roles",
    "strings",
    "future",
    "future_take",
    "queue",
    "watcher_push",
    "keys_async",
    "members_async",
    "auth_async",
    "auth_roles_async",
    "client_async",
];

/// The text before the declarations: the rules, the example, the version macros.
fn opening(root: &Path) -> Result<String> {
    let read = |path: &str| fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"));
    let example: String = read("examples-c/quickstart.c")?.lines().map(comment_line).collect();
    let part = |name: &str| env::var(format!("CARGO_PKG_VERSION_{name}")).unwrap_or_default();
    let opening = read("src/capi/opening.h")?
        .replace("@EXAMPLE@", example.trim_end())
        .replace("@MAJOR@", &part("MAJOR"))
        .replace("@MINOR@", &part("MINOR"))
        .replace("@PATCH@", &part("PATCH"))
        .replace("@VERSION@", &env::var("CARGO_PKG_VERSION").unwrap_or_default());
    Ok(opening)
}

/// A comment inside the example would end the comment around it.
fn comment_line(line: &str) -> String {
    format!(" *     {}", line.replace("/*", "//").replace("*/", "")).trim_end().to_owned() + "\n"
}
