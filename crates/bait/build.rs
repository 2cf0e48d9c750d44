//! Builds anew when a file of the embedded persona comes, goes or changes: `include_dir!` alone does not see new ones.

fn main() {
    println!("cargo::rerun-if-changed=../../personas/company-internal");
}
