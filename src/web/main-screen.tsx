import { clsx } from 'clsx';
import { ConnectionBanner } from './connection-banner.tsx';
import { ConversationPane } from './conversation/conversation-pane.tsx';
import { NothingOpen } from './conversation/nothing-open.tsx';
import { Sidebar } from './sidebar/sidebar.tsx';
import { useRoute } from './state/live.ts';
import { useAway } from './state/use-away.ts';

/** Two panes side by side; on a phone one at a time. Without a connection who is online turns grey. */
export function MainScreen() {
  const openId = useRoute();
  const isAway = useAway();
  return (
    <div
      className="flex h-dvh flex-col pt-[env(safe-area-inset-top)]"
      data-away={isAway || undefined}
    >
      <ConnectionBanner isAway={isAway} />
      <div className="flex min-h-0 flex-1">
        <div
          className={clsx(
            'w-full shrink-0 border-line bg-panel md:flex md:w-80 md:border-r lg:w-[22rem]',
            openId === '' ? 'flex' : 'hidden',
          )}
        >
          <Sidebar openId={openId} />
        </div>
        <main className={clsx('min-w-0 flex-1 md:block', openId === '' && 'hidden')}>
          {openId === '' ? <NothingOpen /> : <ConversationPane key={openId} id={openId} />}
        </main>
      </div>
    </div>
  );
}
