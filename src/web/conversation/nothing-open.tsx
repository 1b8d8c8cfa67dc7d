import { MessagesSquare } from 'lucide-react';
import { MessagePage } from '../ui/message-page.tsx';

export function NothingOpen() {
  return (
    <MessagePage icon={<MessagesSquare aria-hidden />} title="Choose a conversation">
      <p>
        Pick someone on the left, or press{' '}
        <kbd className="rounded border border-line bg-panel px-1.5 py-0.5 font-sans text-xs">
          {/Mac|iPhone|iPad/.test(navigator.userAgent) ? '⌘ K' : 'Ctrl K'}
        </kbd>{' '}
        to search.
      </p>
    </MessagePage>
  );
}
