// One at a time: a case that fails names one rule, and a fork of this process concerns no other test.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
