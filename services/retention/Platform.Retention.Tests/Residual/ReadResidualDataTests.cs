using Platform.Retention.Residual;
using Platform.Testing;

namespace Platform.Retention.Tests.Residual;

public sealed class ReadResidualDataTests
{
    private static readonly ReadResidualData Command = new(
        Guid.Parse("0190eeee-0000-7000-8000-000000000001"),
        "residual-detection",
        OperatorId: "0190eeee-0000-7000-8000-000000000009",
        "inquiry 42",
        Rows: 7,
        At: new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));

    private static readonly ResidualDataRead Read =
        new(Command.ReadId, Command.DataClass, Command.OperatorId, Command.Purpose, Command.Rows, Command.At);

    [Fact]
    [Trait("Requirement", "R18")]
    public void A_read_is_recorded_with_who_and_why() => Spec
        .For(ResidualReadState.Stream)
        .When(state => ResidualReadDecider.Decide(state, Command))
        .Then(Read);

    [Fact]
    public void The_same_read_is_recorded_once() => Spec
        .For(ResidualReadState.Stream)
        .Given(Read)
        .When(state => ResidualReadDecider.Decide(state, Command))
        .ThenUnchanged();

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData(null)]
    public void Without_a_purpose_there_is_no_read(string? purpose) => Spec
        .For(ResidualReadState.Stream)
        .When(state => ResidualReadDecider.Decide(state, Command with { Purpose = purpose ?? new string('x', 201) }))
        .ThenRejected("residual-purpose-missing");
}
