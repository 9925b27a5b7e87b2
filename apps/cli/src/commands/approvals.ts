import type { Command } from "commander";
export function approvalsCommands(_program: Command): void {}
