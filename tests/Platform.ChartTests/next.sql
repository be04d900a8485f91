-- What a later release might bring: each view has one more column that must have a value. The release before writes its rows without it.
do $$
declare
  it record;
begin
  for it in select table_name from information_schema.tables where table_schema = 'views' and table_type = 'BASE TABLE' loop
    execute format('alter table views.%I add column next_release varchar not null default ''''', it.table_name);
  end loop;
end $$;
