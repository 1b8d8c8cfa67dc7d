import { RefreshCw } from 'lucide-react';
import { Component, type ReactNode, Suspense } from 'react';
import { Button } from './button.tsx';
import { MessagePage } from './message-page.tsx';

export interface LatePartProps {
  /** Shown until the part is there. */
  waiting: ReactNode;
  children: ReactNode;
}

/**
 * A part of the application that is loaded when it is needed. Without a connection, or when a
 * newer version has replaced it, it does not come; then the page has to be loaded anew.
 */
export class LatePart extends Component<LatePartProps, { isMissing: boolean }> {
  override state = { isMissing: false };

  static getDerivedStateFromError(): { isMissing: boolean } {
    return { isMissing: true };
  }

  override render(): ReactNode {
    const { waiting, children } = this.props;
    if (!this.state.isMissing) return <Suspense fallback={waiting}>{children}</Suspense>;
    return (
      <main className="h-dvh">
        <MessagePage icon={<RefreshCw aria-hidden />} title="This page could not be loaded">
          <p>There is no connection, or a newer version of Parley is there.</p>
          <Button className="mt-5" onClick={() => location.reload()}>
            Load again
          </Button>
        </MessagePage>
      </main>
    );
  }
}
