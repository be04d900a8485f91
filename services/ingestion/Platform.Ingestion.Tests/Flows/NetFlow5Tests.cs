using Platform.Ingestion.Flows;

namespace Platform.Ingestion.Tests.Flows;

public sealed class NetFlow5Tests
{
    [Fact]
    public void A_record_carries_every_field_of_the_fixed_layout()
    {
        var decoded = new Decoded().Receive(Header(count: 1, sampling: 0x4000 | 1000).Bytes(Record()));

        var flow = decoded.Flow;
        Assert.Equal("198.51.100.7", flow.Source.ToString());
        Assert.Equal("203.0.113.9", flow.Destination.ToString());
        Assert.Equal((53, 40000, 17), (flow.SourcePort, flow.DestinationPort, flow.Protocol));
        Assert.Equal((1_500_000ul, 1000ul, 1u), (flow.Bytes, flow.Packets, flow.Flows));
        Assert.Equal((1_699_999_995_000, 1_699_999_999_000), (flow.StartMs, flow.EndMs));
        Assert.Equal((3u, 4u, 64500u, 64501u), (flow.InInterface, flow.OutInterface, flow.SourceAsn, flow.DestinationAsn));
        Assert.Equal((1000u, SamplingSource.Header), (flow.SamplingRate, flow.SamplingSource));
        Assert.Equal("203.0.113.9", decoded.Lines[0].GetProperty("destinationIPv4Address").GetString());
    }

    [Fact]
    public void An_interval_without_a_mode_still_counts() =>
        Assert.Equal(512u, new Decoded().Receive(Header(1, sampling: 512).Bytes(Record())).Flow.SamplingRate);

    [Fact]
    public void A_header_that_promises_too_much_gives_the_whole_records_and_an_error()
    {
        var decoded = new Decoded().Receive(Header(count: 30).Bytes(Record()).U32(1, 2));

        Assert.Single(decoded.Flows);
        Assert.Equal(1, decoded.Errors[DecodeError.CountBeyondDatagram]);
    }

    [Fact]
    public void A_gap_in_the_sequence_is_counted_in_records()
    {
        var decoded = new Decoded().Receive(Header(1, sequence: 10).Bytes(Record())).Receive(Header(1, sequence: 16).Bytes(Record()));

        Assert.Equal(5, decoded.Exporter.SequenceGaps);
    }

    /// <summary>A flow from 198.51.100.7 to 203.0.113.9.</summary>
    internal static byte[] OneRecord() => Header(count: 1).Bytes(Record());

    private static Datagram Header(int count, int sampling = 0, long sequence = 1) =>
        new Datagram().U16(5, count).U32(100_000, 1_700_000_000, 0, sequence).U8(1, 2).U16(sampling);

    private static byte[] Record() => new Datagram()
        .Address("198.51.100.7", "203.0.113.9", "192.0.2.1").U16(3, 4).U32(1000, 1_500_000, 95_000, 99_000)
        .U16(53, 40000).U8(0, 0, 17, 0).U16(64500, 64501).U8(24, 24).U16(0);
}
