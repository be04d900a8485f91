using Platform.Hosting.Erasures;
using Platform.Testing;

namespace Platform.Hosting.Tests.Erasures;

public sealed class RecordErasureTests
{
    private static readonly DataErasureRecorded Outcome = new(
        Guid.Parse("0190eeee-0000-7000-8000-000000000001"),
        Guid.Parse("0190aaaa-0000-7000-8000-000000000001"),
        "DP00000001",
        ["incident"],
        new Dictionary<string, long> { ["incident"] = 3 },
        new DateTimeOffset(2030, 4, 1, 0, 0, 0, TimeSpan.Zero));

    [Fact]
    public void What_was_erased_is_recorded_with_its_counts() => Spec
        .For(ErasureState.Stream)
        .When(state => ErasureDecider.Decide(state, new RecordErasure(Outcome)))
        .Then(Outcome);

    [Fact]
    public void Who_asks_again_gets_the_first_answer_again() => Spec
        .For(ErasureState.Stream)
        .Given(Outcome)
        .When(state => ErasureDecider.Decide(
            state,
            new RecordErasure(Outcome with { ErasedAt = Outcome.ErasedAt.AddDays(1), Counts = new Dictionary<string, long>() })))
        .Then(Outcome);
}
