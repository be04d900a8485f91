namespace Platform.Ingestion.Tests.Flows;

/// <summary>What the numbers of datagrams say of loss, and what they do not.</summary>
public sealed class SequenceTests
{
    [Theory]
    [InlineData("1 2 3", 0)]
    [InlineData("1 3", 1)]
    [InlineData("1 3 2 4", 0)] // swapped
    [InlineData("1 5 3 2 4 6", 0)]
    [InlineData("1 3 5 2 4 6", 0)]
    [InlineData("1 2 2 3", 0)] // twice
    [InlineData("1 4 2 5", 1)]
    [InlineData("0 1 11 12 11 11 11 11 11", 9)] // what comes twice was not missing
    [InlineData("0 1 11 12 5 5 5 13", 8)]
    [InlineData("0 5 9 2 7 2 7 10", 5)] // late in the middle of two gaps
    [InlineData("0 1200000 1200001", 1_199_999)] // a quarter of a second at the highest rate
    [InlineData("5000000 0 1 2", 0)]
    [InlineData("500 501 0 1 2", 0)] // started anew
    [InlineData("500 501 0 1 4", 2)]
    [InlineData("4294967294 4294967295 0 1", 0)]
    [InlineData("4294967295 1", 1)]
    [InlineData("1 2000000000 2000000001 2000000003", 1)] // another count
    public void Only_what_never_came_is_missing(string sequences, long missing)
    {
        var decoded = new Decoded();
        foreach (var sequence in sequences.Split(' '))
        {
            decoded.Receive(Datagram.NetFlow9(sequence: uint.Parse(sequence)));
        }

        Assert.Equal(missing, decoded.Exporter.SequenceGaps);
    }

    [Fact]
    public void The_longer_nothing_came_the_more_can_be_lost()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9(sequence: 1))
            .Receive(Datagram.NetFlow9(sequence: 100_000_002), Decoded.ReceivedMs + 10_000);
        Assert.Equal(100_000_000, decoded.Exporter.SequenceGaps);

        Assert.Equal(100_000_000, decoded.Receive(Datagram.NetFlow9(sequence: 200_000_002), Decoded.ReceivedMs + 11_000).Exporter.SequenceGaps);
    }

    [Fact]
    public void Records_that_could_not_be_counted_yet_are_no_loss()
    {
        var decoded = new Decoded()
            .Receive(Data(sequence: 0, records: 5))
            .Receive(Data(sequence: 5, records: 5))
            .Receive(Datagram.Ipfix(sets => sets.Set(2, set => set.Template(256, (1, 4))).Set(256, set => set.U32(1, 2, 3, 4, 5)), sequence: 10))
            .Receive(Data(sequence: 15, records: 5));
        Assert.Equal((0, 20), (decoded.Exporter.SequenceGaps, decoded.Flows.Count));

        Assert.Equal(3, decoded.Receive(Data(sequence: 23, records: 1)).Exporter.SequenceGaps);
    }

    [Fact]
    public void A_NetFlow_v9_exporter_that_numbers_its_records_is_found_out_and_has_lost_nothing()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9(sequence: 0).Set(0, set => set.Template(256, (1, 4))));
        for (var sequence = 0u; sequence < 100; sequence += 5)
        {
            decoded.Receive(Datagram.NetFlow9(sequence: sequence).Set(256, set => set.Bytes(new byte[20])));
        }

        Assert.Equal((0, true), (decoded.Exporter.SequenceGaps, decoded.Exporter.NumbersRecords));
        Assert.Equal(5, decoded.Receive(Datagram.NetFlow9(sequence: 105).Set(256, set => set.Bytes(new byte[20]))).Exporter.SequenceGaps);
    }

    [Fact]
    public void A_NetFlow_v9_exporter_that_numbers_its_datagrams_is_believed_whatever_it_loses()
    {
        var decoded = new Decoded().Receive(Datagram.NetFlow9(sequence: 0).Set(0, set => set.Template(256, (1, 4))));
        for (var sequence = 1u; sequence <= 60; sequence += sequence % 20 == 0 ? 2u : 1u)
        {
            decoded.Receive(Datagram.NetFlow9(sequence: sequence).Set(256, set => set.Bytes(new byte[8])));
        }

        Assert.Equal((2, false), (decoded.Exporter.SequenceGaps, decoded.Exporter.NumbersRecords));
    }

    [Fact]
    public void Late_records_fill_the_gap_that_they_left()
    {
        var decoded = new Decoded().Receive(Datagram.Ipfix(sets => sets.Set(2, set => set.Template(256, (1, 4))), sequence: 0))
            .Receive(Data(sequence: 0, records: 5)).Receive(Data(sequence: 10, records: 5));
        Assert.Equal(5, decoded.Exporter.SequenceGaps);

        Assert.Equal(0, decoded.Receive(Data(sequence: 5, records: 5)).Exporter.SequenceGaps);
        Assert.Equal((5, 5), (decoded.Exporter.SequenceSkipped, decoded.Exporter.SequenceLate));
    }

    [Fact]
    public void Agents_behind_one_relay_count_each_for_itself()
    {
        var decoded = new Decoded();
        for (var number = 1; number < 10; number++)
        {
            decoded.Receive(new Datagram().U32(5, 1).Address("192.0.2.9").U32(0, number, 60_000, 0))
                .Receive(new Datagram().U32(5, 1).Address("192.0.2.10").U32(0, number * 1000, 60_000, 0));
        }

        Assert.Equal(8 * 999, decoded.Exporter.SequenceGaps);
    }

    private static byte[] Data(uint sequence, int records) =>
        Datagram.Ipfix(sets => sets.Set(256, set => set.Bytes(new byte[4 * records])), sequence: sequence);
}
