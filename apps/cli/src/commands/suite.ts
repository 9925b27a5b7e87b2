import type { Command } from "commander";
export function suiteCommands(_program: Command): void {}
