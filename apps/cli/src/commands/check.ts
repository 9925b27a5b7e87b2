import type { Command } from "commander";
export function checkCommands(_program: Command): void {}
