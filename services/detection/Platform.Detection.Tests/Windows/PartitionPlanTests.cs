using Platform.Detection.Windows;

namespace Platform.Detection.Tests.Windows;

public sealed class PartitionPlanTests
{
    private static readonly Guid[] Processes = [.. Enumerable.Range(1, 9).Select(number => new Guid(number, 0, 0, new byte[8]))];

    [Theory]
    [InlineData(4, 1), InlineData(4, 2), InlineData(4, 3), InlineData(16, 5), InlineData(2, 4), InlineData(256, 9)]
    public void Each_process_has_as_many_partitions_as_any_other_or_one_more(int partitions, int processes)
    {
        var shares = PartitionPlan.Of(partitions, Processes.Take(processes)).CountBy(process => process).ToDictionary();

        Assert.All(Processes.Take(processes), process =>
            Assert.InRange(shares.GetValueOrDefault(process), partitions / processes, (partitions + processes - 1) / processes));
    }

    [Fact]
    public void Everybody_who_knows_the_same_processes_comes_to_the_same_plan() =>
        Assert.Equal(PartitionPlan.Of(16, Processes.Take(5)), PartitionPlan.Of(16, Processes.Take(5).Reverse()));

    [Fact]
    public void A_process_that_joins_moves_no_more_than_half_of_the_partitions()
    {
        var before = PartitionPlan.Of(16, Processes.Take(4));
        var after = PartitionPlan.Of(16, Processes.Take(5));

        Assert.InRange(before.Zip(after).Count(both => both.First != both.Second), 3, 8); // three are its share
    }
}
