import type { Command } from "commander";
export function policyCommands(_program: Command): void {}
