//! What is shipped beside the program, read by the tools it is made for: the Grafana dashboard by the compiler that knows
//! Grafana's own types, the container file by hadolint, and by buildah where that is, the book by mdbook.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::needs;

tests! {
    blocking: grafana_knows_the_dashboard, the_container_file_has_no_fault,
        a_program_in_the_container_has_a_home_and_certificates, the_book_is_whole
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Compiles a dashboard as a value of Grafana's type.
fn compiled(peer: &Path, dashboard: &str) -> Output {
    // The types are a package's inner part, so it is named by its path.
    let types = peer.join("node_modules/@grafana/schema/dist/esm/raw/dashboard/x/dashboard_types.gen.js");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dashboard.ts");
    let text =
        format!("import type {{ Dashboard }} from '{}';\nexport const it: Dashboard = {dashboard};\n", types.display());
    std::fs::write(&file, text).unwrap();
    let options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "esnext", "--moduleResolution", "bundler"];
    let mut compiler = Command::new(peer.join("node_modules/.bin/tsc"));
    compiler.args(options).args(["--target", "es2022"]).arg(&file).output().unwrap()
}

fn grafana_knows_the_dashboard() {
    let peer = needs::node("NEURON_GRAFANA");
    let dashboard = std::fs::read_to_string(root().join("config/grafana.json")).unwrap();
    let output = compiled(&peer, &dashboard);
    assert!(output.status.success(), "{}", told(&output));
    let wrong = dashboard.replacen("\"refresh\": 2", "\"refresh\": \"often\"", 1);
    assert!(wrong != dashboard && !compiled(&peer, &wrong).status.success(), "the compiler sees a fault");
}

fn the_container_file_has_no_fault() {
    let linter: PathBuf = needs::python("NEURON_PYTHON_HADOLINT").with_file_name("hadolint");
    let output = Command::new(&linter).arg(root().join("Containerfile")).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
}

/// What the program finds in its container, told by a smaller one in its place.
const PROBE: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char **argv) {
    char path[512];
    snprintf(path, sizeof path, "%s/probe", getenv("TMPDIR"));
    FILE *scratch = fopen(path, "w");
    FILE *roots = fopen("/etc/ssl/certs/ca-certificates.crt", "r");
    printf("%s: user %d at home in %s, temporary files %s, certificates %s\n", argc > 1 ? argv[1] : "nothing", (int)getuid(),
           getenv("HOME"), scratch ? "yes" : "no", roots ? "yes" : "no");
    return 0;
}
"#;

fn a_program_in_the_container_has_a_home_and_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let release = folder.path().join("release");
    std::fs::create_dir(&release).unwrap();
    let source = folder.path().join("probe.c");
    std::fs::write(&source, PROBE).unwrap();
    let storage = |part: &str| folder.path().join(part).into_os_string();
    let buildah = |command: &str| {
        let mut buildah = needs::buildah();
        buildah.args(["--storage-driver", "vfs", "--root"]).arg(storage("images")).arg("--runroot").arg(storage("run"));
        buildah.arg(command);
        buildah
    };
    // Asked for before the C compiler: without a builder there is nothing to compile for.
    let mut build = buildah("build");
    let compiled = Command::new("cc").arg("-static").arg("-o").arg(release.join("probe")).arg(&source).status();
    if !compiled.is_ok_and(|status| status.success()) {
        needs::lacks("buildah", "no C compiler here makes a static program");
    }
    std::fs::copy(root().join("LICENSE"), release.join("LICENSE")).unwrap();
    std::fs::write(release.join("ca-certificates.crt"), "those of a release").unwrap();

    build.args(["--isolation", "chroot", "--build-arg", "PROGRAM=probe", "--tag", "probe", "--file"]);
    let built = build.arg(root().join("Containerfile")).arg(&release).output().unwrap();
    assert!(built.status.success(), "{}", told(&built));
    let made = buildah("from").arg("probe").output().unwrap();
    let container = String::from_utf8(made.stdout).unwrap();
    let mut run = buildah("run");
    let said = run.args(["--isolation", "chroot", container.trim(), "--", "/neuron", "demo"]).output().unwrap();
    assert!(said.status.success(), "{}", told(&said));
    let expected = "demo: user 10001 at home in /state, temporary files yes, certificates yes\n";
    assert_eq!(String::from_utf8_lossy(&said.stdout), expected);
}

fn the_book_is_whole() {
    let mdbook = needs::mdbook();
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(mdbook).arg("build").arg(root()).arg("--dest-dir").arg(folder.path()).output().unwrap();
    let told = told(&output);
    assert!(output.status.success() && !told.contains("WARN") && !told.contains("ERROR"), "{told}");
    let mut links = 0;
    for page in pages(folder.path()) {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, part) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.with_file_name(file) };
            assert!(target.exists(), "{} links to {link}", page.display());
            let there = || std::fs::read_to_string(&target).unwrap().contains(&format!("id=\"{part}\""));
            assert!(part.is_empty() || there(), "{} links to {link}, a part that is not there", page.display());
            links += 1;
        }
    }
    assert!(links > 100, "{links} links were looked at");
}

/// The pages that somebody wrote; not those that mdbook adds to print the book and to say that there is none.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let own = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.ends_with(".html") && !["print.html", "404.html", "toc.html"].contains(&name)
    };
    files.filter(own).collect()
}
