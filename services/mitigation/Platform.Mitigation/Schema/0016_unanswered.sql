-- Why a vector that joined a standing mitigation has no answer: asked again where that passes.
alter table views.mitigations_v1 add column unanswered_for text;
