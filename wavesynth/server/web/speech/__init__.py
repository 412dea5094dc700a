"""OpenAI's API for speech, beside the page: for programs that know that API and no other."""
