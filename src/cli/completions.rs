//! `neuron completions SHELL` and `neuron man`: for shells and for readers, from the definitions of the commands themselves.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;
use clap_mangen::Man;

use super::output::Output;
use super::{Exit, Failure, OrExit as _, Prints, Verb};

pub(super) const COMPLETIONS: Verb =
    Verb { name: "completions", command: completions, run: complete, prints: Prints::Nothing };
pub(super) const MAN: Verb =
    Verb { name: "man", command: man, run: write_pages, prints: Prints::one::<Vec<PathBuf>>() };

const AFTER: &str = "\
Put it where the shell looks:
  bash  neuron completions bash > ~/.local/share/bash-completion/completions/neuron
  zsh   neuron completions zsh > ~/.zfunc/_neuron      (with ~/.zfunc in fpath)
  fish  neuron completions fish > ~/.config/fish/completions/neuron.fish";

fn completions() -> Command {
    let shell = Arg::new("shell").value_name("SHELL").required(true).value_parser(value_parser!(Shell));
    Command::new("completions")
        .about("Prints a script by which a shell completes commands, flags and values")
        .after_help(AFTER)
        .arg(shell.help("The shell"))
}

fn complete(matches: &ArgMatches, _: Output) -> Result<(), Failure> {
    let shell = matches.get_one::<Shell>("shell").copied().unwrap_or(Shell::Bash);
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut super::command(), "neuron", &mut text);
    printed(&text)
}

fn man() -> Command {
    let to = Arg::new("to").long("to").value_name("DIR").value_parser(value_parser!(PathBuf));
    Command::new("man")
        .about("Prints the manual page of neuron, or writes one for every command")
        .after_help("`neuron man | man -l -` shows it; packages take `neuron man --to man/man1`.")
        .arg(to.help("A folder to write the page of every command to; it is created when missing"))
}

fn write_pages(matches: &ArgMatches, output: Output) -> Result<(), Failure> {
    let Some(folder) = matches.get_one::<PathBuf>("to") else {
        let mut text = Vec::new();
        Man::new(super::command()).render(&mut text)?;
        return printed(&text);
    };
    let failed = |e: std::io::Error| anyhow::anyhow!("{}: {e}; name a folder that can be written to", folder.display());
    fs::create_dir_all(folder).map_err(failed).or_exit(Exit::Permission)?;
    let mut tree = super::command();
    tree.build();
    let mut written = Vec::new();
    write_page(&tree, "neuron", folder, &mut written).map_err(failed).or_exit(Exit::Permission)?;
    Ok(output
        .result(&written, |files| files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join("\n"))?)
}

fn write_page(command: &Command, name: &str, folder: &Path, written: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let path = folder.join(format!("{name}.1"));
    let mut text = Vec::new();
    Man::new(command.clone()).title(name.to_owned()).render(&mut text)?;
    fs::write(&path, text)?;
    written.push(path);
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        write_page(sub, &format!("{name}-{}", sub.get_name()), folder, written)?;
    }
    Ok(())
}

/// A text that is the result as it stands; a closed pipe is no error.
fn printed(text: &[u8]) -> Result<(), Failure> {
    match std::io::stdout().lock().write_all(text) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(e.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_and_every_shell_its_words() {
        let folder = tempfile::tempdir().unwrap();
        let mut tree = super::super::command();
        tree.build();
        let mut written = Vec::new();
        write_page(&tree, "neuron", folder.path(), &mut written).unwrap();
        assert!(written.len() > 40, "{}", written.len());
        let page = fs::read_to_string(folder.path().join("neuron-wallet-create.1")).unwrap();
        assert!(page.starts_with(".ie") && page.contains("wallet") && page.contains(".SH OPTIONS"), "{page}");
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut super::super::command(), "neuron", &mut text);
            let text = String::from_utf8(text).unwrap();
            assert!(text.contains("validator") && text.contains("wallet.name"), "{shell}");
        }
    }
}
