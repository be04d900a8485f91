using Platform.Notifications.Notices;
using Platform.Testing;

namespace Platform.Notifications.Tests.Notices;

public sealed class PublishNoticeTests
{
    private static readonly PublishNotice Command = new(
        Guid.Parse("0190eeee-0000-7000-8000-000000000001"),
        "DP00000001",
        NoticeKinds.AnomalyDetected,
        new Dictionary<string, string> { ["target"] = "203.0.113.10/32" },
        new DateTimeOffset(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));

    private static readonly NoticePublished Published =
        new(Command.NoticeId, Command.ServiceCode, Command.Kind, Command.Details, Command.At);

    [Fact]
    public void What_was_heard_becomes_a_notice() => Spec
        .For(NoticeState.Stream)
        .When(state => NoticeDecider.Decide(state, Command))
        .Then(Published);

    [Fact]
    public void The_same_message_again_is_no_second_notice() => Spec
        .For(NoticeState.Stream)
        .Given(Published)
        .When(state => NoticeDecider.Decide(state, Command with { At = Command.At.AddMinutes(1) }))
        .ThenUnchanged();
}
