import type { Command } from "commander";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

interface Words {
  /** The commands before, e.g. "policy validate"; "" at the top. */
  path: string;
  commands: { name: string; description: string }[];
  options: { flag: string; description: string }[];
}

/** A completion script for `program`, from its command tree. */
export function completionScript(program: Command, shell: Shell, name: string): string {
  const tree = collect(program, "");
  return { bash, zsh, fish }[shell](tree, name);
}

function collect(command: Command, path: string): Words[] {
  const shared = path === "" ? [] : (rootOf(command).options as Command["options"]);
  const own: Words = {
    path,
    commands: command.commands.map((child) => ({ name: child.name(), description: child.description() })),
    options: [...command.options, ...shared]
      .filter((option) => option.long && !option.hidden)
      .map((option) => ({ flag: option.long as string, description: option.description })),
  };
  return [own, ...command.commands.flatMap((child) => collect(child, path === "" ? child.name() : `${path} ${child.name()}`))];
}

function rootOf(command: Command): Command {
  return command.parent ? rootOf(command.parent) : command;
}

const words = ({ commands, options }: Words): string => [...commands.map(({ name }) => name), ...options.map(({ flag }) => flag)].join(" ");

function bash(tree: Words[], name: string): string {
  const cases = tree.map((entry) => `    "${entry.path}") words="${words(entry)}" ;;`).join("\n");
  const known = tree.map(({ path }) => `"${path}"`).join(" | ");
  return `_${name}() {
  local word path="" next words="" current="\${COMP_WORDS[COMP_CWORD]}"
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    next="\${path:+$path }$word"
    case "$next" in
      ${known}) path="$next" ;;
    esac
  done
  case "$path" in
${cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [ \${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$current"))
}
complete -F _${name} ${name} ./${name}`;
}

function zsh(tree: Words[], name: string): string {
  return `#compdef ${name}\nautoload -U +X bashcompinit && bashcompinit\n${bash(tree, name)}`;
}

function fish(tree: Words[], name: string): string {
  const lines = tree.flatMap(({ path, commands, options }) => {
    const seen = path.split(" ").filter((word) => word !== "");
    const others = commands.map((command) => command.name).join(" ");
    const condition = [
      ...seen.map((word) => `__fish_seen_subcommand_from ${word}`),
      ...(others === "" ? [] : [`not __fish_seen_subcommand_from ${others}`]),
    ].join("; and ");
    const when = condition === "" ? "" : ` -n '${condition}'`;
    return [
      ...commands.map((command) => `complete -c ${name} -f${when} -a ${command.name} -d ${quoted(command.description)}`),
      ...options.map(({ flag, description }) => `complete -c ${name}${when} -l ${flag.slice(2)} -d ${quoted(description)}`),
    ];
  });
  return lines.join("\n");
}

const quoted = (text: string): string => `'${text.replace(/'/g, "\\'")}'`;
