/** Completion for bash, with or without the bash-completion package. */
import type { Completion } from "../model.ts";
import { COMMANDS } from "../table.ts";
import { completionOf, firstWords, flagsOf, offered, secondWords, spellings } from "./shell.ts";

/** What offers each kind of word; `cur` is what has been typed of it. */
const KINDS: Readonly<Record<Exclude<Completion, "none">, string>> = {
  container: `compgen -W "$(lmctfy "\${root[@]}" list -r -v / 2>/dev/null)" -- "$cur"`,
  file: 'compgen -f -- "$cur"',
  directory: 'compgen -d -- "$cur"',
  user: 'compgen -u -- "$cur"',
  pid: 'compgen -W "$(cd /proc && echo [0-9]*)" -- "$cur"',
  command: 'compgen -c -- "$cur"',
  topic: `compgen -W "${firstWords().join(" ")}" -- "$cur"`,
};

const menus = firstWords().filter(first => secondWords(first).length > 0);

export function bashCompletion(): string {
  const valued = offered().filter(f => f.value !== undefined);
  const global = offered().filter(f => f.global);
  const either = (words: readonly string[]): string => words.join(" | ");
  return `# bash completion for lmctfy, made from its table of commands.
# shellcheck disable=SC2207 # words of ours have no spaces

_lmctfy_add() { # KIND
  local -a words=()
  case $1 in
${Object.entries(KINDS)
  .map(([kind, words]) => `    ${kind}) mapfile -t words < <(${words}) ;;`)
  .join("\n")}
  esac
  COMPREPLY+=("\${words[@]}")
  case $1 in file | directory | command) compopt -o filenames 2>/dev/null ;; esac
}

# the command in a container completes as it would outside
_lmctfy_command() { # index of its first word
  local first=$1
  ((first < COMP_CWORD)) && [[ \${COMP_WORDS[first]} == -- ]] && ((first++))
  if declare -F _command_offset >/dev/null; then
    _command_offset "$first"
  elif ((first == COMP_CWORD)); then
    _lmctfy_add command
  else
    _lmctfy_add file
  fi
}

_lmctfy() {
  local cur=\${COMP_WORDS[COMP_CWORD]} first="" second="" pending="" flags="" rest="" word i
  local -a root=() kinds=()
  local count=0
  COMPREPLY=()

  # what the words before this one say
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ -n $pending ]]; then
      [[ $pending == --root ]] && root=(--root "$word")
      pending=""
      continue
    fi
    case $word in
      ${either(valued.flatMap(spellings))}) pending=$word; continue ;;
      -*) continue ;;
    esac
    if [[ -z $first ]]; then
      first=$word
      continue
    fi
    case "$first:$count:$second:$word" in
      ${either(menus.flatMap(first => secondWords(first).map(c => `${first}:0::${c.words[1]}`)))}) second=$word ;;
      run:0:*) _lmctfy_command $((i + 1)); return ;;
      *) ((count++)) ;;
    esac
  done

  case $pending in
${valued.map(f => `    ${either(spellings(f))}) _lmctfy_add ${completionOf(f)}; return ;;`).join("\n")}
  esac
  if [[ -z $first ]]; then
    if [[ $cur == -* ]]; then
      COMPREPLY=($(compgen -W "${global.flatMap(spellings).join(" ")}" -- "$cur"))
    else
      _lmctfy_add topic
    fi
    return
  fi

  if [[ -z $second && $count == 0 ]]; then
    case $first in
${menus
  .map(first => {
    const words = secondWords(first).map(c => c.words[1]);
    return `      ${first}) COMPREPLY+=($(compgen -W "${words.join(" ")}" -- "$cur")) ;;`;
  })
  .join("\n")}
    esac
  fi
  case "$first $second" in
${COMMANDS.map(command => {
  const [first, second = ""] = command.words;
  const keys = [`"${first} ${second}"`, ...(command.isDefault ? [`"${first} "`] : [])];
  const flags = flagsOf(command).flatMap(spellings).join(" ");
  const rest = command.args.at(-1)?.rest ? " rest=yes" : "";
  return `    ${either(keys)}) flags="${flags}" kinds=(${command.args.map(a => a.completes).join(" ")})${rest} ;;`;
}).join("\n")}
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$cur"))
  elif ((count < \${#kinds[@]})); then
    _lmctfy_add "\${kinds[count]}"
  elif [[ -n $rest ]]; then
    _lmctfy_add "\${kinds[-1]}"
  fi
}

complete -F _lmctfy lmctfy
`;
}
