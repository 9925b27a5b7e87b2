import type { Command } from "commander";
export function budgetCommands(_program: Command): void {}
