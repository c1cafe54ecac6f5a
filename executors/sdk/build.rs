//! Compiles the messages around documents from `proto/` without a `protoc` on the machine, for those who want them.

#[cfg(feature = "service")]
#[path = "build/messages.rs"]
mod messages;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "service")]
    messages::compile()?;
    Ok(())
}
