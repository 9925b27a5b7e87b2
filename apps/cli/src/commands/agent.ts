import type { Command } from "commander";
export function agentCommands(_program: Command): void {}
