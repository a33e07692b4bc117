package rds

import (
	"context"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"strongroom/arn"
	"strongroom/internal/api"
)

// Global clusters span Regions; here nobody can make one. That there are none is still an answer, which Terraform wants each time
// it reads a cluster: of Aurora, DocumentDB or Neptune.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeGlobalClusters.html

func (s *Service) globalClusterOperations() []api.Operation {
	return []api.Operation{api.Op("", s.DescribeGlobalClusters, s.describeGlobalClustersAccess)}
}

// globalClusterFilters are those of DescribeGlobalClusters, and the older one by which clients look for a cluster's.
var globalClusterFilters = map[string]func(types.GlobalCluster) string{
	"db-cluster-id": func(types.GlobalCluster) string { return "" },
	"region":        func(types.GlobalCluster) string { return "" },
}

// DescribeGlobalClusters lists none.
func (s *Service) DescribeGlobalClusters(_ context.Context, c *api.Caller, in *rds.DescribeGlobalClustersInput) (*rds.DescribeGlobalClustersOutput, error) {
	if id := deref(in.GlobalClusterIdentifier); id != "" {
		return nil, api.Errorf("GlobalClusterNotFoundFault", "Global cluster %s not found.", id).WithStatus(http.StatusNotFound)
	}
	none, err := filtered([]types.GlobalCluster{}, in.Filters, globalClusterFilters)
	if err != nil {
		return nil, err
	}
	none, next, err := page(s.Pages, "DescribeGlobalClusters", c, none, in.MaxRecords, in.Marker, func(g types.GlobalCluster) string { return deref(g.GlobalClusterIdentifier) })
	return &rds.DescribeGlobalClustersOutput{GlobalClusters: none, Marker: next}, err
}

func (s *Service) describeGlobalClustersAccess(_ context.Context, c *api.Caller, in *rds.DescribeGlobalClustersInput) ([]api.Access, error) {
	id := deref(in.GlobalClusterIdentifier)
	if id == "" {
		id = "*"
	}
	return []api.Access{{Action: "rds:DescribeGlobalClusters", Resource: arn.New("rds", "", c.AccountID, "global-cluster:"+id).String()}}, nil
}
