import { explain, ProblemError } from '../client/errors.ts';
import { Fault } from '../ui/fault.tsx';

/** A refusal that belongs to no single field; those stand beside their fields. */
export function SignInFault({ error }: { error: Error | null }) {
  if (error === null) return null;
  const isShown = error instanceof ProblemError && (error.problem.errors?.length ?? 0) > 0;
  return isShown ? null : <Fault>{explain(error)}</Fault>;
}
