/** The plans of the hot queries: with the index that MongoDB chooses, and without any. */
import type { mongo } from 'mongoose';
import type { Database } from '../lib/program.ts';
import { captureHotQueries, type HotQuery } from './hot-queries.ts';

/** How MongoDB answered a query. */
export interface Execution {
  /** Its stages from the result down, such as "FETCH < IXSCAN email_1". */
  plan: string;
  returned: number;
  documentsExamined: number;
  keysExamined: number;
  /** As MongoDB tells it, in whole milliseconds. */
  ms: number;
}

export interface ExplainedQuery {
  query: string;
  collection: string;
  allowance: number;
  withIndex: Execution;
  withoutIndex: Execution;
}

/** Runs every hot query and explains what it sent. @throws Error without data to ask about. */
export async function explainHotQueries({ uri, db }: Database): Promise<ExplainedQuery[]> {
  const explained: ExplainedQuery[] = [];
  for (const { name, command, allowance } of await captureHotQueries(uri)) {
    explained.push({
      query: name,
      collection: collectionOf(command),
      allowance,
      withIndex: await explain(db, command),
      withoutIndex: await explain(db, withoutIndexes(command)),
    });
  }
  return explained;
}

const collectionOf = (command: mongo.Document): string =>
  String(command.find ?? command.update ?? command.aggregate);

/** The same command, reading the collection from its beginning. */
export function withoutIndexes(command: HotQuery['command']): mongo.Document {
  const hint = { $natural: 1 };
  if (command.update === undefined) return { ...command, hint };
  const updates = (command.updates as mongo.Document[]).map((update) => ({ ...update, hint }));
  return { ...command, updates };
}

/** Has MongoDB run a command and tell how. */
export async function explain(db: mongo.Db, command: mongo.Document): Promise<Execution> {
  const told = await db.command({ explain: command, verbosity: 'executionStats' });
  // An aggregation tells it of the cursor that it begins with.
  const { queryPlanner, executionStats } = told.stages?.[0]?.$cursor ?? told;
  const { winningPlan } = queryPlanner;
  return {
    plan: stagesOf(winningPlan.queryPlan ?? winningPlan).join(' < '),
    returned: Math.max(executionStats.nReturned, matched(executionStats.executionStages)),
    documentsExamined: executionStats.totalDocsExamined,
    keysExamined: executionStats.totalKeysExamined,
    ms: executionStats.executionTimeMillis,
  };
}

/** An update returns nothing; what it matched counts. */
const matched = (stage: mongo.Document): number => Number(stage.nMatched ?? 0);

function stagesOf(stage: mongo.Document): string[] {
  const inner: mongo.Document[] = stage.inputStages ?? (stage.inputStage ? [stage.inputStage] : []);
  const name = stage.indexName === undefined ? stage.stage : `${stage.stage} ${stage.indexName}`;
  const below = [...new Set(inner.flatMap(stagesOf))];
  return [name, ...below];
}

/** For people: two lines a query. */
export function table(explained: ExplainedQuery[]): string {
  const line = (title: string, { returned, documentsExamined, ms, plan }: Execution): string =>
    `${title.padEnd(30)} ${String(documentsExamined).padStart(9)} examined for ` +
    `${String(returned).padStart(4)} returned  ${String(ms).padStart(6)} ms  ${plan}`;
  return explained
    .flatMap(({ query, withIndex, withoutIndex }) => [
      line(query, withIndex),
      line('  without its index', withoutIndex),
    ])
    .join('\n');
}
