import { useState } from 'react';
import { faultOf } from '../client/errors.ts';
import { api } from '../state/queries.ts';
import { Button } from '../ui/button.tsx';
import { Field } from '../ui/field.tsx';
import { PasswordField } from './password-field.tsx';
import { SignInFault } from './sign-in-fault.tsx';
import { useSignIn } from './use-sign-in.ts';

export interface LogInFormProps {
  email: string;
  onEmail: (email: string) => void;
}

export function LogInForm({ email, onEmail }: LogInFormProps) {
  const [password, setPassword] = useState('');
  const { submit, error, isPending } = useSignIn(() => api.login({ email, password }));
  return (
    <form className="grid gap-4" onSubmit={submit} noValidate aria-label="Log in">
      <Field
        label="E-mail"
        name="email"
        type="email"
        autoComplete="username"
        value={email}
        onChange={(event) => onEmail(event.target.value)}
        fault={faultOf(error, 'email')}
      />
      <PasswordField
        autoComplete="current-password"
        value={password}
        onChange={(event) => setPassword(event.target.value)}
        fault={faultOf(error, 'password')}
      />
      <SignInFault error={error} />
      <Button type="submit" busy={isPending} className="mt-1">
        Log in
      </Button>
    </form>
  );
}
