export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/**
 * Makes the script that a shell reads at its start. It asks this program for the words that may
 * follow, so it stays right in later versions.
 *
 * @param program the command that runs this program, as separate words
 */
export function makeShellScript(shell: Shell, program: readonly string[]): string {
  const command = program.map((word) => quoteWord(shell, word)).join(' ');
  switch (shell) {
    case 'bash':
      return makeBashScript(command);
    case 'zsh':
      return makeZshScript(command);
    case 'fish':
      return makeFishScript(command);
  }
}

/** In fish a backslash stays special between single quotes. */
function quoteWord(shell: Shell, word: string): string {
  const text =
    shell === 'fish'
      ? word.replaceAll('\\', '\\\\').replaceAll("'", "\\'")
      : word.replaceAll("'", `'\\''`);
  return `'${text}'`;
}

/** `%q` quotes values: a name may hold characters that the shell would carry out. */
function makeBashScript(command: string): string {
  return `# Completion of syncmedia for bash. Add to ~/.bashrc:
# eval "$(npx syncmedia completion bash)"
_syncmedia() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      compopt -o default 2>/dev/null
    else
      COMPREPLY+=("$(printf '%q' "\${line%%$'\\t'*}")")
    fi
  done < <(${command} complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _syncmedia syncmedia
`;
}

function makeZshScript(command: string): string {
  return `#compdef syncmedia
# Completion of syncmedia for zsh. Add to ~/.zshrc:
# eval "$(npx syncmedia completion zsh)"
_syncmedia() {
  local line
  local -a values shown
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      _files
    else
      values+=("\${line%%$'\\t'*}")
      shown+=("\${line/$'\\t'/  -- }")
    fi
  done < <(${command} complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)
  compadd -l -d shown -a values
}
if (( ! $+functions[compdef] )); then
  autoload -U compinit && compinit
fi
compdef _syncmedia syncmedia
`;
}

function makeFishScript(command: string): string {
  return `# Completion of syncmedia for fish. Add to ~/.config/fish/config.fish:
# npx syncmedia completion fish | source
function __syncmedia_complete
    set -l words (commandline -opc) (commandline -ct)
    for line in (${command} complete -- $words[2..-1] 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c syncmedia -f -a '(__syncmedia_complete)'
`;
}
