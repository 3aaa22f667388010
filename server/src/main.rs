//! The program `countersign`; everything is in the library beside it.

fn main() -> std::process::ExitCode {
    countersign::cli::main()
}
