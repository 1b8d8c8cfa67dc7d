/** Reads a Dockerfile, as far as the one of this project needs it. */
export interface Instruction {
  name: string;
  /** What follows the name, continued lines joined. */
  rest: string;
}

/** The stages in order; each begins with its FROM. */
export function readDockerfile(text: string): Instruction[][] {
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  const stages: Instruction[][] = [];
  for (const line of lines) {
    const [, name = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (name === 'FROM') stages.push([]);
    stages.at(-1)?.push({ name, rest });
  }
  return stages;
}

/** What the instructions of a name say. */
export const saying = (stage: Instruction[], name: string): string[] =>
  stage.filter((instruction) => instruction.name === name).map(({ rest }) => rest);

/** The exec form `["node", "a.js"]`; a shell's form throws. */
export const execForm = (rest: string): string[] => JSON.parse(rest) as string[];

/** The variables of `ENV NAME=value NAME=value`. */
export function variables(stage: Instruction[]): Record<string, string> {
  const pairs = saying(stage, 'ENV').flatMap((rest) => rest.split(/\s+/));
  return Object.fromEntries(
    pairs.map((pair): [string, string] => {
      const [name = '', value = ''] = pair.split('=');
      return [name, value];
    }),
  );
}
