-- Why a mitigation was withdrawn: after the kill switch, or a dry run that began, the defence of an attack that goes on begins anew. Null: before this column was there.
alter table views.mitigations_v1 add column withdrawn_for smallint;
