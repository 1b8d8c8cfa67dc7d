import { useState } from 'react';
import { limits } from '../../protocol/limits.ts';
import { faultOf, ProblemError } from '../client/errors.ts';
import { api } from '../state/queries.ts';
import { Button } from '../ui/button.tsx';
import { Field } from '../ui/field.tsx';
import { PasswordField } from './password-field.tsx';
import { SignInFault } from './sign-in-fault.tsx';
import { useSignIn } from './use-sign-in.ts';

export interface SignUpFormProps {
  email: string;
  onEmail: (email: string) => void;
  /** They have an account already. */
  onLogIn: () => void;
}

export function SignUpForm({ email, onEmail, onLogIn }: SignUpFormProps) {
  const [fullName, setFullName] = useState('');
  const [password, setPassword] = useState('');
  const { submit, error, isPending } = useSignIn(() => api.signup({ fullName, email, password }));
  const isTaken = error instanceof ProblemError && error.problem.code === 'email_taken';
  return (
    <form className="grid gap-4" onSubmit={submit} noValidate aria-label="Create an account">
      <Field
        label="Full name"
        name="fullName"
        autoComplete="name"
        maxLength={limits.nameLength}
        value={fullName}
        onChange={(event) => setFullName(event.target.value)}
        fault={faultOf(error, 'fullName')}
      />
      <Field
        label="E-mail"
        name="email"
        type="email"
        autoComplete="username"
        value={email}
        onChange={(event) => onEmail(event.target.value)}
        fault={faultOf(error, 'email')}
      />
      {isTaken && (
        <Button look="quiet" onClick={onLogIn}>
          Log in with this address
        </Button>
      )}
      <PasswordField
        autoComplete="new-password"
        value={password}
        onChange={(event) => setPassword(event.target.value)}
        fault={isTooLong(password) ? tooLong : faultOf(error, 'password')}
        hint={`At least ${limits.passwordMinLength} characters`}
      />
      <SignInFault error={error} />
      <Button type="submit" busy={isPending} className="mt-1">
        Create account
      </Button>
    </form>
  );
}

/** The limit is one of bytes, which means nothing to most people. */
const tooLong = `This password is too long. It may have ${limits.passwordMaxBytes} letters and digits; accented letters and signs count for more.`;

const isTooLong = (password: string) =>
  new TextEncoder().encode(password).length > limits.passwordMaxBytes;
