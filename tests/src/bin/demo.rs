//! `./dev demo`: one buyer, from the shop to the login page, each step printed as it happens.

#![expect(clippy::print_stdout, reason = "this is what it is for")]

fn main() {
    println!("not yet");
}
