import type { Command } from "commander";
export function tokenCommands(_program: Command): void {}
