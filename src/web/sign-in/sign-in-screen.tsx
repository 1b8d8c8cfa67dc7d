import { LogOut } from 'lucide-react';
import { useState } from 'react';
import { useNotes } from '../state/notes.ts';
import { Logo } from '../ui/logo.tsx';
import { LogInForm } from './log-in-form.tsx';
import { SignUpForm } from './sign-up-form.tsx';

/** Log in or sign up: one card. */
export function SignInScreen() {
  const [isNew, setIsNew] = useState(false);
  // Kept when one turns from one form to the other.
  const [email, setEmail] = useState('');
  const signedOut = useNotes((notes) => notes.signedOut);
  return (
    <main className="grid h-dvh place-items-center overflow-y-auto px-4 py-8">
      <div className="w-full max-w-sm">
        <div className="mb-6 flex flex-col items-center gap-3 text-center">
          <Logo size={52} />
          <h1 className="text-xl font-semibold">{isNew ? 'Join Parley' : 'Welcome to Parley'}</h1>
        </div>
        {signedOut !== '' && (
          <p
            role="status"
            className="mb-4 flex gap-2.5 rounded-xl bg-notice px-4 py-3 text-sm text-notice-ink"
          >
            <LogOut size={16} aria-hidden className="mt-px shrink-0" />
            {signedOut}
          </p>
        )}
        <div className="rounded-2xl border border-line bg-panel p-6 shadow-float">
          {isNew ? (
            <SignUpForm email={email} onEmail={setEmail} onLogIn={() => setIsNew(false)} />
          ) : (
            <LogInForm email={email} onEmail={setEmail} />
          )}
        </div>
        <p className="mt-5 text-center text-ink-soft">
          {isNew ? 'Already have an account?' : 'New here?'}{' '}
          <button
            type="button"
            className="rounded font-medium text-accent underline-offset-4 hover:underline"
            onClick={() => setIsNew(!isNew)}
          >
            {isNew ? 'Log in' : 'Create an account'}
          </button>
        </p>
      </div>
    </main>
  );
}
