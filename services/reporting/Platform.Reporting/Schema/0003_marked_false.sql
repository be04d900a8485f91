-- An operator said that it was no attack; null: nobody did.
alter table views.incidents add marked_false_at timestamptz;
