using Platform.Retention.Erasures;
using Platform.Testing;
using static Platform.Retention.Tests.Erasures.AnErasure;

namespace Platform.Retention.Tests.Erasures;

public sealed class ScheduleErasureTests
{
    [Fact]
    public void The_end_of_a_contract_schedules_the_end_of_its_data() => Spec
        .For(ErasureState.Stream)
        .When(state => ErasureDecider.Decide(state, Schedule))
        .Then(Scheduled);

    [Fact]
    public void The_end_told_again_changes_nothing() => Spec
        .For(ErasureState.Stream)
        .Given(Scheduled)
        .When(state => ErasureDecider.Decide(state, Schedule with { DueAt = Due.AddYears(1) }))
        .ThenUnchanged();

    [Fact]
    public void The_same_contract_and_term_always_lead_to_the_same_erasure()
    {
        Assert.Equal(ErasureId.For(ContractId, 2), ErasureId.For(ContractId, 2));
        Assert.NotEqual(ErasureId.For(ContractId, 2), ErasureId.For(ContractId, 3));
        Assert.NotEqual(ErasureId.For(ContractId, 2), ErasureId.For(Guid.Parse("0190dddd-0000-7000-8000-000000000002"), 2));
        Assert.Equal(8, ErasureId.For(ContractId, 2).Version);
    }
}
