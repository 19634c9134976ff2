/** Asks for a token. */

import { useState } from "preact/hooks";

export function Login({ refused, onToken }: { refused: string | null; onToken: (token: string) => void }) {
  const [text, setText] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    if (text.trim()) onToken(text.trim());
  };
  return (
    <main class="login">
      <form onSubmit={submit} class="card">
        <img src="/icon.svg" alt="" width="40" height="40" />
        <h1>forerun</h1>
        <p>
          This page shows what runs on this host and may change it, so it asks who you are. <code>forerun up</code> prints
          a link that signs you in.
        </p>
        <label for="token">Token</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          spellcheck={false}
          value={text}
          aria-invalid={refused !== null}
          aria-describedby={refused ? "refused" : undefined}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        {refused && (
          <p id="refused" class="wrong" role="alert">
            {refused[0]?.toUpperCase() + refused.slice(1)}.
          </p>
        )}
        <button class="primary" type="submit" disabled={!text.trim()}>
          Sign in
        </button>
        <p class="small muted">The token stays in this tab and is forgotten when you close it.</p>
      </form>
    </main>
  );
}
