import { Button } from '../ui/button.tsx';
import { Spinner } from '../ui/spinner.tsx';

export interface ListTopProps {
  isLoading: boolean;
  /** Set when the older messages could not be loaded. */
  retry?: (() => void) | undefined;
}

/** Above the oldest message shown. Its height never changes, so that nothing jumps. */
export function ListTop({ isLoading, retry }: ListTopProps) {
  return (
    <div className="grid h-16 place-items-center text-sm text-ink-soft">
      {isLoading && (
        <p role="status" className="flex items-center gap-2">
          <Spinner /> Loading older messages
        </p>
      )}
      {retry && (
        <p className="flex items-center gap-3">
          Older messages could not be loaded.
          <Button look="quiet" className="h-8" onClick={retry}>
            Try again
          </Button>
        </p>
      )}
    </div>
  );
}
