using Platform.Ingestion.Exporters;
using Platform.Testing;

namespace Platform.Ingestion.Tests.Exporters;

public sealed class ExporterDeciderTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly Guid Id = Guid.Parse("0190aaaa-0000-7000-8000-000000000001");
    private static readonly ExporterRegistered Registered = new(Id, "192.0.2.1", "edge-1", 0, Noon);
    private static readonly ExporterReturned Heard = new(Id, "192.0.2.1", Noon.AddMinutes(1));
    private static readonly ExporterFellSilent Silent = new(Id, "192.0.2.1", Noon.AddMinutes(2), Noon.AddMinutes(3));

    [Fact]
    public void A_new_address_is_registered() => Given()
        .When(state => ExporterDecider.Decide(state, Register()))
        .Then(Registered);

    [Fact]
    public void The_same_registration_again_changes_nothing() => Given(Registered)
        .When(state => ExporterDecider.Decide(state, Register() with { ExporterId = Guid.Parse("0190aaaa-0000-7000-8000-000000000002") }))
        .ThenUnchanged();

    [Fact]
    public void Another_name_or_rate_changes_the_exporter_and_keeps_its_identity() => Given(Registered)
        .When(state => ExporterDecider.Decide(state, Register() with { Name = "edge-2", SamplingRate = 1000 }))
        .Then(new ExporterChanged(Id, "edge-2", 1000, Noon));

    [Fact]
    public void The_expected_protocol_can_be_told_later_and_taken_back() => Given(Registered)
        .When(state => ExporterDecider.Decide(state, Register() with { ExpectedProtocol = "ipfix" }))
        .Then(new ExporterChanged(Id, "edge-1", 0, Noon, "ipfix"));

    [Fact]
    public void A_protocol_that_we_do_not_read_is_refused() => Given()
        .When(state => ExporterDecider.Decide(state, Register() with { ExpectedProtocol = "netflow7" }))
        .ThenRejected("exporter-protocol-invalid");

    [Theory]
    [InlineData("0.0.0.0")]
    [InlineData("224.0.0.1")]
    [InlineData("255.255.255.255")]
    [InlineData("::")]
    [InlineData("ff02::1")]
    [InlineData("::ffff:192.0.2.1")]
    [InlineData("router.example")]
    public void An_address_that_is_no_single_device_is_refused(string address) => Given()
        .When(state => ExporterDecider.Decide(state, Register() with { Address = address }))
        .ThenRejected("exporter-address-invalid");

    [Fact]
    public void A_name_of_nothing_is_refused() => Given()
        .When(state => ExporterDecider.Decide(state, Register() with { Name = " " }))
        .ThenRejected("exporter-name-invalid");

    [Fact]
    public void An_exporter_that_was_heard_can_fall_silent() => Given(Registered, Heard)
        .When(state => ExporterDecider.Decide(state, new NoteSilence(Noon.AddMinutes(2), Noon.AddMinutes(3))))
        .Then(Silent);

    [Fact]
    public void An_exporter_that_was_never_heard_is_awaited_not_silent() => Given(Registered)
        .When(state => ExporterDecider.Decide(state, new NoteSilence(Noon, Noon.AddMinutes(3))))
        .ThenUnchanged();

    [Fact]
    public void Silence_is_said_once() => Given(Registered, Heard, Silent)
        .When(state => ExporterDecider.Decide(state, new NoteSilence(Noon.AddMinutes(2), Noon.AddMinutes(4))))
        .ThenUnchanged();

    [Fact]
    public void The_first_datagram_is_a_return() => Given(Registered)
        .When(state => ExporterDecider.Decide(state, new NoteReturn(Noon.AddMinutes(1))))
        .Then(Heard);

    [Fact]
    public void A_datagram_from_before_the_silence_is_no_return() => Given(Registered, Heard, Silent)
        .When(state => ExporterDecider.Decide(state, new NoteReturn(Noon.AddMinutes(2))))
        .ThenUnchanged();

    [Fact]
    public void Nobody_can_fall_silent_or_return_who_is_not_registered()
    {
        Given().When(state => ExporterDecider.Decide(state, new NoteSilence(Noon, Noon))).ThenRejected("exporter-not-found");
        Given().When(state => ExporterDecider.Decide(state, new NoteReturn(Noon))).ThenRejected("exporter-not-found");
    }

    [Fact]
    public void A_removed_exporter_is_gone_and_its_address_can_be_registered_anew()
    {
        var removed = new ExporterRemoved(Id, "192.0.2.1", Noon.AddMinutes(4));
        var next = Guid.Parse("0190aaaa-0000-7000-8000-000000000002");
        Given(Registered, Heard).When(state => ExporterDecider.Decide(state, new RemoveExporter(Noon.AddMinutes(4)))).Then(removed);
        Given(Registered, removed).When(state => ExporterDecider.Decide(state, new RemoveExporter(Noon.AddMinutes(5)))).ThenRejected("exporter-not-found");
        Given(Registered, removed).When(state => ExporterDecider.Decide(state, new NoteReturn(Noon.AddMinutes(5)))).ThenRejected("exporter-not-found");
        Given(Registered, removed).When(state => ExporterDecider.Decide(state, Register() with { ExporterId = next })).Then(Registered with { ExporterId = next });
    }

    private static Spec<ExporterState, ExporterEvent> Given(params ExporterEvent[] happened) =>
        Spec.For(ExporterState.Stream).Given(happened);

    private static RegisterExporter Register() => new(Id, "192.0.2.1", "edge-1", 0, null, Noon);
}
