import { useQuery } from '@tanstack/react-query';
import { CloudOff } from 'lucide-react';
import { lazy } from 'react';
import { explain } from './client/errors.ts';
import { MainScreen } from './main-screen.tsx';
import { SignInScreen } from './sign-in/sign-in-screen.tsx';
import { ChatProvider } from './state/chat.tsx';
import { useIsOperations } from './state/live.ts';
import { meQuery } from './state/queries.ts';
import { Button } from './ui/button.tsx';
import { LatePart } from './ui/late-part.tsx';
import { Logo } from './ui/logo.tsx';
import { MessagePage } from './ui/message-page.tsx';

/** Loaded only by whom it is for. */
const OperationsScreen = lazy(async () => {
  const { OperationsScreen: Screen } = await import('./operations/operations-screen.tsx');
  return { default: Screen };
});

/** Which of the screens is shown: it depends on who is signed in, and on the address. */
export function App() {
  const me = useQuery(meQuery);
  const isOperations = useIsOperations();
  if (me.isPending) return <Opening />;
  if (me.isError) {
    return (
      <main className="h-dvh">
        <MessagePage icon={<CloudOff aria-hidden />} title="Parley cannot be reached">
          <p>{explain(me.error)}</p>
          <Button className="mt-5" busy={me.isFetching} onClick={() => me.refetch()}>
            Try again
          </Button>
        </MessagePage>
      </main>
    );
  }
  if (me.data === null) return <SignInScreen />;
  return (
    <ChatProvider key={me.data._id} me={me.data}>
      {isOperations ? (
        <LatePart waiting={<Opening />}>
          <OperationsScreen />
        </LatePart>
      ) : (
        <MainScreen />
      )}
    </ChatProvider>
  );
}

function Opening() {
  return (
    <main className="grid h-dvh place-items-center" aria-busy>
      <span className="animate-pulse">
        <Logo size={56} />
      </span>
      <span className="sr-only">Opening Parley</span>
    </main>
  );
}
