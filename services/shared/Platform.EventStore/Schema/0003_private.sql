-- Whoever made the database and however: no role but its owner's connects to it. A warning and no more where somebody else owns it.
do $$
begin
    execute format('revoke all on database %I from public', current_database());
end
$$;
