//! The program `countersign`; everything is in the library beside it.

/// Password hashing takes 19 MiB at a time and reports take more. glibc keeps such pieces for each thread that freed one;
/// this allocator gives them back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    countersign::cli::main()
}
