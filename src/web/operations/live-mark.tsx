/** Whether the figures are of now; 'none' while there are none. */
export type LiveState = 'live' | 'stale' | 'none';

export function LiveMark({ state }: { state: LiveState }) {
  if (state === 'none') return null;
  return (
    <span className="inline-flex shrink-0 items-center gap-1.5 text-sm text-ink-soft">
      <span
        aria-hidden
        className={
          state === 'live' ? 'size-2 rounded-full bg-online' : 'size-2 rounded-full bg-danger'
        }
      />
      {state === 'live' ? 'Live' : 'No answer'}
    </span>
  );
}
