import { argument } from '../cli/parse/options.js';
import { type AnyCommand, itemCommand } from '../command.js';

/** `potctl completion bash|zsh`: prints a completion script, generated from the command registry like the help. */
export const completionOf = (commands: () => readonly AnyCommand[]) =>
  itemCommand({
    name: 'completion',
    summary: 'print a completion script for bash or zsh',
    examples: [
      'potctl completion bash > ~/.local/share/bash-completion/completions/potctl',
      'potctl completion zsh > ~/.zfunc/_potctl',
    ],
    needs: [],
    standalone: true,
    input: { shell: argument('<shell>', 'bash or zsh') },

    async run({ shell }) {
      const { completionScript } = await import('../cli/parse/completion-script.js');
      return { shell, script: completionScript(shell, commands()) };
    },

    render({ script }, view) {
      for (const line of script.split('\n')) view.raw(line);
    },
  });
